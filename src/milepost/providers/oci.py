"""Oracle Cloud."""

from milepost.providers.provider import Provider

OCI = Provider(name="oci", metadata="milepost.instances.probes.oci:OCIMetadata")
