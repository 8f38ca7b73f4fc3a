"""The files of the working directory: in as an archive, out as what has changed."""
