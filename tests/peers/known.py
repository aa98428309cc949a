"""Entries of PyTorch's op_db that differ here, and why; how many of an entry's wrong calls are taken."""

from __future__ import annotations

KNOWN: dict[str, str] = {
    "as_strided[partial_views]": "strides count in the elements of a view, not in the memory of its base",
    "cdist": "p=0 counts: its result requires no gradient",
    "cholesky_inverse": "the half of the factor that is not read has derivative 0",
    "cholesky_solve": "the half of the factor that is not read has derivative 0",
    "cov": "float32 weights of float64 observations count in float64",
    "gather": "an index without elements has the input's axes too",
    "linalg.householder_product": "of nothing, a constant",
    "linalg.lstsq": "the residuals have no derivative where there are none",
    "linalg.matrix_power": "the power 0 is a constant",
    "linalg.norm": "the 2-norm of an empty matrix is refused",
    "linalg.norm[subgradients_at_zero]": "the second derivative at 0 is inf, not NaN",
    "linalg.vander": "of a vector",
    "lu": "with get_infos a plain tuple",
    "nextafter": "not differentiable",
    "nn.functional.ctc_loss": "second derivatives, which PyTorch refuses",
    "nn.functional.gaussian_nll_loss": "a target without axes does not broadcast",
    "nn.functional.linear_cross_entropy[chunked]": "options are refused",
    "nn.functional.linear_cross_entropy[chunked_none]": "options are refused",
    "nn.functional.max_unpool1d": "of values that go to one place the last one alone has the derivative",
    "nn.functional.max_unpool2d": "of values that go to one place the last one alone has the derivative",
    "nn.functional.max_unpool3d": "of values that go to one place the last one alone has the derivative",
    "nn.functional.multi_margin_loss": "a vector of scores has a target without axes, not a vector of one",
    "nn.functional.pad[replicate_negative]": "what is cut away to nothing has no border to repeat",
    "nn.functional.pdist": "p=0 counts: its result requires no gradient",
    "special.bessel_j0": "PyTorch's is off by up to 1e-5; SciPy's is as ours",
    "special.bessel_y1": "PyTorch's is off by up to 1e-5; SciPy's is as ours",
}
# Entries of module_db.
KNOWN_MODULES: dict[str, str] = {
    "LPPool1d": "what no window has keeps its zero derivative through a power of a negative number",
    "LPPool2d": "what no window has keeps its zero derivative through a power of a negative number",
    "LPPool3d": "what no window has keeps its zero derivative through a power of a negative number",
    "CTCLoss": "PyTorch's derivative is that of log_softmax of the input, whatever the input is",
    "LinearCrossEntropyLoss": "options, PyTorch's way to compute parts of the batch one by one, are refused",
}
ACCEPTED: dict[str, int] = {
    # A number for the second tensor.
    **dict.fromkeys(("atan2", "fmax", "fmin", "gcd", "heaviside", "igamma", "igammac", "isclose", "lcm"), 1),
    **dict.fromkeys(("ldexp", "logical_and", "logical_or", "logical_xor", "maximum", "minimum"), 1),
    "aminmax": 1,  # out= of another dtype
    "bernoulli": 1,  # out= that overlaps the input: results are whole before they are written
    "cat": 2,
    "gather": 2,
    "masked_select": 1,
    "multinomial": 1,
    "nn.functional.embedding": 1,  # of a vector, or of more than two axes
    "take": 2,
}
