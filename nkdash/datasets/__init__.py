"""One file per daily dataset. A module here that offers ``dataset(settings)`` is one."""
