"""A fake AWS for tests: moto behind a stricter, slower and less reliable front.

`wire` speaks HTTP, `dispatch` takes a request through the stages, `services` holds what moto lacks.
"""
