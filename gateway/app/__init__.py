"""The composition root: the only place that knows every part."""

from gateway.app.building import Gateway, Role, built
from gateway.app.running import kept_running
from gateway.app.site import folder_of, site_of, unfailing

__all__ = ["Gateway", "Role", "built", "folder_of", "kept_running", "site_of", "unfailing"]
