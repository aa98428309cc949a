"""Event files for TensorBoard, written by tensorboardX: ``pip install 'backsweep[tensorboard]'``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from backsweep import _core
from backsweep._core import Tensor
from backsweep._tree import map_tree

try:
    import tensorboardX
except ImportError as error:
    raise ImportError(
        "[tensorboard] tensorboardX is needed, which writes event files: pip install 'backsweep[tensorboard]'"
    ) from error

__all__ = ["SummaryWriter"]

# What tensorboardX has with PyTorch's arguments, beside what stands below.
_SAME = {
    "add_audio",
    "add_custom_scalars",
    "add_custom_scalars_marginchart",
    "add_custom_scalars_multilinechart",
    "add_embedding",
    "add_figure",
    "add_histogram",
    "add_histogram_raw",
    "add_image",
    "add_image_with_boxes",
    "add_images",
    "add_mesh",
    "add_pr_curve",
    "add_pr_curve_raw",
    "add_scalars",
    "add_text",
    "add_video",
    "close",
    "flush",
}


def _plain(tree: Any) -> Any:
    return map_tree(lambda leaf: _array(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def _array(x: Tensor) -> Any:
    if x.ndim == 0:
        return x.item()
    return (x.to(_core.float32) if x.dtype == _core.bfloat16 else x).numpy()


class SummaryWriter:
    """Writes what TensorBoard shows into a folder: curves, histograms, pictures, text, settings of runs.

    The methods are PyTorch's, and tensors may stand wherever arrays and numbers may: `add_scalar`,
    `add_scalars`, `add_histogram`, `add_image`, `add_images`, `add_figure`, `add_text`, `add_hparams`,
    `add_embedding`, `add_pr_curve`, `add_audio`, `add_video`, `add_mesh`, `add_custom_scalars`, `flush` and
    `close`, also by ``with``.

    Parameters
    ----------
    log_dir : str, optional
        The folder; by default ``runs/``, the date and the name of the machine.
    comment : str, default ""
        What the default folder's name ends with.
    purge_step : int, optional
        From which step on TensorBoard forgets what a run that crashed has written.
    max_queue : int, default 10
        How many events may wait before they are written.
    flush_secs : float, default 120
        After how many seconds they are written.
    filename_suffix : str, default ""
        What names of files end with.

    Examples
    --------
    >>> with SummaryWriter("runs/first") as writer:
    ...     for step in range(100):
    ...         writer.add_scalar("loss", train(step), step)
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        self._writer: Any = tensorboardX.SummaryWriter(
            None if log_dir is None else str(log_dir),
            comment=comment,
            purge_step=purge_step,
            max_queue=max_queue,
            flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )
        self.log_dir: str = self._writer.logdir

    def get_logdir(self) -> str:
        """Give the folder."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Add a number to a curve; `new_style` and `double_precision`, forms of the file, change nothing."""
        self._writer.add_scalar(tag, _plain(scalar_value), _plain(global_step), walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, Any] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Add the settings of a run and what came of them.

        Parameters
        ----------
        hparam_dict : dict of bool, str, int, float or None
        metric_dict : dict of float
        hparam_domain_discrete
            Must be None: tensorboardX writes no lists of what settings may be.
        run_name : str, optional
            The folder inside `log_dir`; by default the time.
        global_step : int, optional
        """
        if hparam_domain_discrete is not None:
            raise ValueError(
                "[add_hparams] hparam_domain_discrete is not written by tensorboardX: leave it out, "
                "TensorBoard lists the values that it meets"
            )
        self._writer.add_hparams(_plain(hparam_dict), _plain(metric_dict), run_name, _plain(global_step))

    def add_graph(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: there is no graph of TensorFlow's or ONNX's nodes here."""
        raise RuntimeError(
            "[add_graph] a model is no graph of TensorFlow's nodes here: bs.summary(model, x) tells its "
            "layers and shapes, and add_text writes that"
        )

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _SAME:
            raise AttributeError(f"[SummaryWriter] has no attribute {name!r}")
        method: Callable[..., Any] = getattr(self._writer, name)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*_plain(args), **_plain(kwargs))

        return call

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
