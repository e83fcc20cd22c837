//! JSON Schema of policy and case files, for editors (`wardgate schema`).

use serde_json::Value;

use super::file::{CasesFile, PolicyFile};

/// The schema of policy files and common files.
pub fn policy() -> Value {
    schemars::schema_for!(PolicyFile).to_value()
}

/// The schema of `<name>.cases.yaml`.
pub fn cases() -> Value {
    schemars::schema_for!(CasesFile).to_value()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_closed_and_places_are_invisible() {
        let schema = super::policy();
        assert_eq!(schema["additionalProperties"], false);
        let rule = &schema["$defs"]["Rule"];
        assert_eq!(rule["additionalProperties"], false);
        assert_eq!(rule["properties"]["id"]["type"], "string");
        assert!(
            rule["required"]
                .as_array()
                .expect("a list")
                .iter()
                .any(|key| key == "false_positives")
        );
        assert_eq!(super::cases()["properties"]["cases"]["type"], "array");
    }
}
