"""One value as bytes, and back."""
