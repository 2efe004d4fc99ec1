"""Checks a version's manifest by the package of its server, in one that has it: `manifest_schemas.py SERVER FOLDER`."""

import re
import sys
from pathlib import Path

import yaml


def check_object(value, kind, place):
    """Check that a Kubernetes object has the keys of its class and of the classes below, each of its type."""
    import kserve.models
    import kubernetes.client

    items = re.fullmatch(r"list\[(\w+)\]", kind)
    if items:
        for one in value:
            check_object(one, items[1], place)
        return
    of_class = getattr(kserve.models, kind, None) or getattr(kubernetes.client, kind, None)
    if of_class is None:
        basic = {"str": str, "int": int, "bool": bool}.get(kind, object)
        assert isinstance(value, basic), f"{place} is no {kind}: {value!r}"
        return
    names = {key: name for name, key in of_class.attribute_map.items()}
    for key, one in value.items():
        assert key in names, f"{place}.{key} is no key of {kind}"
        check_object(one, of_class.openapi_types[names[key]], f"{place}.{key}")


def kserve(folder):
    """Check the service, and that a wrong one would be found."""
    service = yaml.safe_load((folder / "kserve.yaml").read_text())
    check_object(service, "V1beta1InferenceService", "kserve.yaml")
    wrong = {**service, "spec": {"predictor": {"model": {"storageURI": "a"}}}}
    try:
        check_object(wrong, "V1beta1InferenceService", "wrong")
    except AssertionError:
        return
    raise AssertionError("a wrong key was not found")


def triton(folder):
    """Check the configurations by their message."""
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    files = sorted(folder.glob("triton/*/config.pbtxt"))
    assert files
    for file in files:
        config = text_format.Parse(file.read_text(), model_config_pb2.ModelConfig())
        assert config.name == file.parent.name and config.input and config.output


def bentoml(folder):
    """Check the build file."""
    from bentoml._internal.bento.build_config import BentoBuildConfig

    with (folder / "bentofile.yaml").open() as file:
        assert BentoBuildConfig.from_yaml(file).service == "service:Servable"


if __name__ == "__main__":  # pytest reads every file for examples
    {"kserve": kserve, "triton": triton, "bentoml": bentoml}[sys.argv[1]](Path(sys.argv[2]))
