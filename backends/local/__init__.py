"""Models that run on this machine: finding, checking, loading, sharing and running them.

Nothing here imports an engine (llama_cpp, onnxruntime, torch) before a model is used.
"""
