"""Scripts for developers and for the demo; nothing here is part of the installed plugin."""
