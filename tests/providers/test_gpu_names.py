"""What NVIDIA, the tables and the catalogs call the same cards."""

import pytest

from milepost.data import gpu_memory_gb, machines
from milepost.providers.gpu_names import Card, card_of, is_called, model_at, model_named, name_at

# product: its model, what RunPod's catalog calls it, and what AWS, GCP, Azure or Lambda would
PRODUCTS = {
    "Tesla T4": ("T4", "T4", "T4"),
    "NVIDIA A10G": ("A10G", "A10G", "A10G"),
    "NVIDIA A10": ("A10", "A10", "A10"),
    "NVIDIA L4": ("L4", "L4", "L4"),
    "NVIDIA L40": ("L40", "L40", "L40"),
    "NVIDIA L40S": ("L40S", "L40S", "L40S"),
    "NVIDIA RTX A6000": ("A6000", "RTXA6000", "A6000"),
    "NVIDIA RTX A4000": ("A4000", "RTXA4000", "A4000"),
    "Quadro RTX 6000": ("RTX6000", "RTX6000", "RTX6000"),
    "NVIDIA RTX 6000 Ada Generation": ("RTX6000-Ada", "RTX6000-Ada", "RTX6000-Ada"),
    "NVIDIA RTX 4000 SFF Ada Generation": ("RTX4000-Ada", "RTX4000-Ada", "RTX4000-Ada"),
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": ("RTXPRO6000", "RTXPRO6000", "RTXPRO6000"),
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": ("RTXPRO6000-WK", "RTXPRO6000-WK", "RTXPRO6000-WK"),
    "NVIDIA GeForce RTX 4090": ("RTX4090", "RTX4090", "RTX4090"),
    "NVIDIA GeForce RTX 3080 Ti": ("RTX3080-Ti", "RTX3080-Ti", "RTX3080-Ti"),
    "NVIDIA GeForce RTX 4080 SUPER": ("RTX4080-SUPER", "RTX4080-SUPER", "RTX4080-SUPER"),
    "Tesla V100-SXM2-16GB": ("V100", "V100-SXM2", "V100"),
    "Tesla V100-SXM2-32GB": ("V100-32GB", "V100-SXM2-32GB", "V100-32GB"),
    "NVIDIA A100-SXM4-40GB": ("A100", "A100", "A100"),
    "NVIDIA A100-PCIE-40GB": ("A100-PCIE", "A100", "A100"),
    "NVIDIA A100-SXM4-80GB": ("A100-80GB", "A100-80GB-SXM", "A100-80GB"),
    "NVIDIA-A100-SXM4-80GB": ("A100-80GB", "A100-80GB-SXM", "A100-80GB"),
    "NVIDIA A100 80GB PCIe": ("A100-80GB-PCIE", "A100-80GB", "A100-80GB"),
    "NVIDIA H100 80GB HBM3": ("H100", "H100-SXM", "H100"),
    "NVIDIA H100 PCIe": ("H100-PCIE", "H100", "H100"),
    "NVIDIA H200": ("H200", "H200-SXM", "H200"),
    "NVIDIA H200 NVL": ("H200-NVL", "H200-NVL", "H200-NVL"),
    "NVIDIA B200": ("B200", "B200", "B200"),
    "NVIDIA GH200 480GB": ("GH200", "GH200", "GH200"),
    "AMD Instinct MI300X OAM": ("MI300X", "MI300X", "MI300X"),
    "NVIDIA A100-SXM4-40GB MIG 1g.5gb": ("A100", "A100", "A100"),
    "NVIDIA A100-SXM-64GB": ("A100-SXM-64GB", "A100-SXM-64GB", "A100-SXM-64GB"),  # Leonardo's, which nobody rents out
    "NVIDIA Titan Z": ("Titan Z", "Titan Z", "Titan Z"),
}


@pytest.mark.parametrize(("product", "names"), PRODUCTS.items())
def test_product_bears_the_name_of_its_provider(product: str, names: tuple[str, str, str]) -> None:
    model = card_of(product).model
    assert (model, name_at("runpod", model)) == names[:2]
    assert {name_at(provider, model) for provider in ("aws", "gcp", "azure", "lambda", None)} == {names[2]}
    assert model_at("runpod", names[1]) == model or model == "A100-PCIE"  # which RunPod does not have


def test_nvl_card_is_azures_h100() -> None:
    model = card_of("NVIDIA H100 NVL").model
    assert [name_at(each, model) for each in ("azure", "runpod", "aws")] == ["H100", "H100-NVL", "H100-NVL"]


@pytest.mark.parametrize(
    ("product", "card"),
    [
        ("NVIDIA A10-4Q", Card("A10", 0.167)),
        ("NVIDIA A10-8Q", Card("A10", 0.333)),
        ("NVIDIA A10-24Q", Card("A10", 1.0)),
        ("NVIDIA L4-3Q", Card("L4", 0.125)),
        ("GRID T4-8C", Card("T4", 0.5)),
        ("GRID A100D-20C", Card("A100-80GB", 0.25)),
        ("NVIDIA A100-10C", Card("A100", 0.25)),
        ("NVIDIA A10-48Q", Card("A10")),  # no card has so much
    ],
)
def test_virtual_gpu_is_a_part_of_a_card(product: str, card: Card) -> None:
    assert card_of(product) == card


def test_models_of_the_machine_table_have_a_known_memory() -> None:
    others = {"Trainium", "Trainium2", "Inferentia", "Inferentia2", "RadeonProV520", "Gaudi HL-205", "RadeonMI25"}
    assert {machine.gpu for machine in machines().values()} - {*gpu_memory_gb(), ""} <= others


@pytest.mark.parametrize(
    ("provider", "name", "wanted", "is_it"),
    [
        ("runpod", "H200-SXM", "h200", True),
        ("runpod", "RTXA6000", "A6000", True),
        ("lambda", "A6000", "RTXA6000", True),
        ("aws", "H100", "H100-SXM", True),
        ("aws", "H100", "NVIDIA H100 80GB HBM3", True),
        ("runpod", "H100", "H100", True),
        ("runpod", "H100-SXM", "H100", False),  # RunPod's H100 is the PCIe card
        ("runpod", "A100-80GB-SXM", "A100-80GB", False),
        ("lambda", "RTX6000", "RTX6000-Ada", False),
        ("gcp", "A100-80GB", "A100", False),
        ("gcp", "", "A100", False),
    ],
)
def test_names_of_the_same_card(provider: str, name: str, wanted: str, is_it: bool) -> None:
    assert is_called(provider, name, wanted) is is_it


def test_name_that_means_two_cards_is_that_of_the_tables() -> None:
    assert [model_named(each) for each in ("H100", "H100-SXM", "A100-80GB-SXM", "RTXA6000")] == [
        "H100",
        "H100",
        "A100-80GB",
        "A6000",
    ]
