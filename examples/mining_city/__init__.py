"""The embedded example: a made-up mining city, written from a fixed seed."""
