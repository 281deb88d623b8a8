"""YAML that people write: values that know their lines, and faults said in plain words."""
