{%- for output in outputs %}
output "{{ output.name }}" {
  description = {{ output.description | hcl }}
  value = {{ output.value | hcl }}
}

{%- endfor %}
