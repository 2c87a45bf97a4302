{%- for variable in variables %}
variable "{{ variable.name }}" {
  description = {{ variable.description | hcl }}
  type = string
  sensitive = true
  ephemeral = true
}

{%- endfor %}
