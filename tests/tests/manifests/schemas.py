"""Validates manifests: what Kubernetes has itself against the schemas of each of its versions, what Istio and the Gateway API
add against the definitions that the platform installs. What a schema does not know is an error.

    schemas.py DEFINITIONS FILE... --versions 1.31 1.32 ...

CEL rules of definitions (x-kubernetes-validations) are not evaluated.
"""

import argparse
import sys

import jsonschema
import kubernetes_validate
import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(path):
    with open(path, encoding="utf-8") as file:
        return [found for found in yaml.load_all(file, LOADER) if found]


def strict(schema):
    """The schema of a definition as JSON Schema that refuses what it does not name, as the API server does."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: part if key in ("default", "enum") else strict(part) for key, part in schema.items()}
    if closed.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    open_ended = closed.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in closed
    if closed.get("type") == "object" and isinstance(closed.get("properties"), dict) and not open_ended:
        closed["additionalProperties"] = False
    return closed


def definitions(paths):
    """A validator for each kind of each version that is defined."""
    found = {}
    for path in paths:
        for item in documents(path):
            if item["kind"] != "CustomResourceDefinition":
                continue
            spec = item["spec"]
            for version in spec["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema.get("properties", {}).update(apiVersion={}, kind={}, metadata={"type": "object"})
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                found[key] = jsonschema.Draft7Validator(schema)
    return found


def wrong(item, defined, versions):
    kind = (item["apiVersion"], item["kind"])
    if kind in defined:
        for error in defined[kind].iter_errors(item):
            yield f"at {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        return
    for version in versions:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"in Kubernetes {version} at {'/'.join(map(str, error.path))}: {error.message[:300]}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"is no kind of Kubernetes {version}, and of no definition"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--definitions", nargs="+", required=True)
    parser.add_argument("--versions", nargs="+", required=True)
    arguments = parser.parse_args()
    defined = definitions(arguments.definitions)
    seen, bad = 0, 0
    for path in arguments.files:
        for item in documents(path):
            seen += 1
            for message in wrong(item, defined, arguments.versions):
                bad += 1
                print(f"{item['kind']} {item['metadata']['name']} {message}")
    print(f"{seen} objects, {bad} errors")
    sys.exit(1 if bad else 0)


main()
