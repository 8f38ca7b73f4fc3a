"""What a run looks like afterwards, drawn as SVG and text by ourselves."""
