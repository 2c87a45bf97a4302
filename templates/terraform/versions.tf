terraform {
  # Secrets are handed on by write-only arguments, which Terraform has since 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      version = "{{ provider_version }}"
    }
  }
}
