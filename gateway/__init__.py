"""The hotline gateway: turns every citizen contact into a work-order draft and loses nothing."""

__version__ = "0.1.0"
