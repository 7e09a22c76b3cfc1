"""The REST API: operations as typed functions, from which the OpenAPI document is made as well."""
