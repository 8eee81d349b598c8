//! How an outbound cluster spreads its requests.

use serde_json::{Value, json};

/// `loadBalancer` of a DestinationRule as istiod translates it (`pilot/pkg/networking/core/loadbalancer`): the policy, and
/// how much a new host gets at first. Without one it is LEAST_REQUEST.
pub fn translate(body: &mut Value, rule: &Value) {
    let Some(map) = body.as_object_mut() else { return };
    let simple = rule["simple"].as_str().unwrap_or("LEAST_REQUEST");
    let (policy, settings) = match simple {
        _ if rule["consistentHash"]["maglev"].is_object() => ("MAGLEV", None),
        _ if rule["consistentHash"].is_object() => ("RING_HASH", None),
        // Envoy leaves its own default out of what it prints.
        "ROUND_ROBIN" => ("", Some("round_robin_lb_config")),
        "RANDOM" => ("RANDOM", None),
        "PASSTHROUGH" => ("CLUSTER_PROVIDED", None),
        _ => ("LEAST_REQUEST", Some("least_request_lb_config")),
    };
    if policy.is_empty() {
        map.remove("lb_policy");
    } else {
        map.insert("lb_policy".into(), json!(policy));
    }
    if let (Some(settings), Some(duration)) = (settings, rule["warmup"]["duration"].as_str()) {
        let or = |field: &str, default: f64| rule["warmup"][field].as_f64().unwrap_or(default);
        let slow = json!({
            "slow_start_window": duration, "aggression": {"default_value": or("aggression", 1.0)},
            "min_weight_percent": {"value": or("minimumPercent", 10.0)},
        });
        map.insert(settings.into(), json!({"slow_start_config": slow}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: Value) -> Value {
        let mut body = json!({"lb_policy": "LEAST_REQUEST"});
        translate(&mut body, &rule);
        body
    }

    #[test]
    fn policies_are_named_as_envoy_prints_them() {
        assert_eq!(of(Value::Null), json!({"lb_policy": "LEAST_REQUEST"}));
        assert_eq!(of(json!({"simple": "ROUND_ROBIN"})), json!({}));
        assert_eq!(of(json!({"consistentHash": {"httpHeaderName": "x"}})), json!({"lb_policy": "RING_HASH"}));
        let slow = of(json!({"simple": "LEAST_REQUEST", "warmup": {"duration": "30s", "minimumPercent": 20.0}}));
        let slow = &slow["least_request_lb_config"]["slow_start_config"];
        assert_eq!((&slow["slow_start_window"], &slow["min_weight_percent"]["value"]), (&json!("30s"), &json!(20.0)));
    }
}
