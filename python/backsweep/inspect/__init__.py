"""Looking into models."""

from backsweep.inspect.summary import Summary, summary

__all__ = ["Summary", "summary"]
