def to_onnx():
    pass
