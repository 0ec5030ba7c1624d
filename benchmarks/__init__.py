"""Benchmark captures made by program (`generate`), and `mrfscope analyze` measured beside tshark on them (`run`)."""
