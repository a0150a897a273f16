"""One file per dimension. A module here that offers ``dimension(settings)`` is one."""
