"""Natural breaks: the exact optimum of Fisher and Jenks."""
