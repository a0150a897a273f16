"""The pages. A module here that offers ``page()`` is one; its sections draw themselves."""
