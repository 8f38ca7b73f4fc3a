"""The notebook's side: options in, events to the cell."""
