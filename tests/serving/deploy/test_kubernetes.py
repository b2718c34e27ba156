"""Kubernetes objects against the published schemas, and the promises between them."""

import copy
from typing import Any

import kubernetes_validate
import pytest

from tests.serving.deploy.files import DEPLOY, documents, kubernetes_objects

BASE = DEPLOY / "kubernetes" / "base"
# The oldest and newest that the validator and `autoscaling/v2`, `policy/v1` and pod security labels allow for.
KUBERNETES = ("1.28", "1.34")
OBJECTS = kubernetes_objects()
PODS = OBJECTS["Deployment/dimerec"]["spec"]["template"]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_fit_the_schemas(name: str, version: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_an_unknown_key_would_be_found(version: str) -> None:
    broken = copy.deepcopy(OBJECTS["Deployment/dimerec"])
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(broken, version, strict=True)


def test_nothing_is_missing() -> None:
    assert {name.split("/")[0] for name in OBJECTS} == {
        *("Namespace", "PersistentVolumeClaim", "Deployment", "Service"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"),
    }


def test_kustomizations_list_files_that_exist() -> None:
    for path in sorted(DEPLOY.rglob("kustomization.yaml")):
        (kustomization,) = documents(path)
        assert (kustomization["apiVersion"], kustomization["kind"]) == (
            "kustomize.config.k8s.io/v1beta1",
            "Kustomization",
        )
        generated = [file for item in kustomization.get("configMapGenerator", []) for file in item["files"]]
        patches = [patch["path"] for patch in kustomization.get("patches", [])]
        for name in [*kustomization.get("resources", []), *patches, *generated]:
            target = (path.parent / name).resolve()
            assert target.is_file() or (target / "kustomization.yaml").is_file(), f"{path}: {name}"
            assert target not in path.parent.resolve().parents, "kustomize refuses a resource that contains its user"
    (base,) = documents(BASE / "kustomization.yaml")
    assert {name for name in base["resources"] if name.endswith(".yaml")} == {
        path.name for path in BASE.glob("*.yaml") if path.name != "kustomization.yaml"
    }


def test_selectors_find_the_pods() -> None:
    labels = PODS["metadata"]["labels"]
    for name, item in OBJECTS.items():
        spec = item.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector") or {}
        for key, value in selector.get("matchLabels", selector).items():
            assert labels[key] == value, name
    assert OBJECTS["HorizontalPodAutoscaler/dimerec"]["spec"]["scaleTargetRef"]["name"] == "dimerec"
    assert "replicas" not in OBJECTS["Deployment/dimerec"]["spec"], "it would fight the autoscaler"


def test_volumes_and_config_maps_exist() -> None:
    (generated,) = documents(DEPLOY / "config" / "kustomization.yaml")
    maps = {item["name"] for item in generated["configMapGenerator"]}
    volumes = {volume["name"]: volume for volume in PODS["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] in maps
    assert f"PersistentVolumeClaim/{volumes['models']['persistentVolumeClaim']['claimName']}" in OBJECTS
    assert {mount["name"] for mount in server()["volumeMounts"]} == volumes.keys()


def test_ports_have_the_names_that_services_and_probes_use() -> None:
    ports = {port["name"] for port in server()["ports"]}
    for name in ("Service/dimerec", "Service/dimerec-pods"):
        assert {port["targetPort"] for port in OBJECTS[name]["spec"]["ports"]} <= ports
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server()[probe]["httpGet"]["port"] in ports
    rules = OBJECTS["NetworkPolicy/dimerec"]["spec"]["ingress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} <= ports


def test_readiness_asks_for_a_loaded_version_and_liveness_does_not() -> None:
    assert server()["readinessProbe"]["httpGet"]["path"].endswith("/metadata")
    assert server()["livenessProbe"]["httpGet"]["path"] == "/v1/models/dimerec"


def test_pods_meet_the_restricted_pod_security_standard() -> None:
    assert OBJECTS["Namespace/dimerec"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, container = PODS["spec"]["securityContext"], server()["securityContext"]
    assert pod["runAsNonRoot"] and pod["runAsUser"] > 0
    assert pod["seccompProfile"]["type"] == "RuntimeDefault"
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}


def test_the_embedded_server_is_patched_into_a_valid_deployment() -> None:
    (patch,) = documents(DEPLOY / "kubernetes" / "embedded" / "server.yaml")
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    assert container["name"] == server()["name"]
    patched = copy.deepcopy(OBJECTS["Deployment/dimerec"])
    patched["spec"]["template"]["spec"]["containers"][0].update(container)
    kubernetes_validate.validate(patched, KUBERNETES[-1], strict=True)
    files = {argument.split("=")[1] for argument in container["args"] if "-file=" in argument}
    assert files == {argument.split("=")[1] for argument in server()["args"] if "_file=" in argument}


def server() -> dict[str, Any]:
    (container,) = PODS["spec"]["containers"]
    return container
