//! VV520–539: load balancer and listeners.

use std::collections::BTreeMap;

use super::target_groups::target_groups;
use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{LoadBalancerKind, LoadBalancerProtocol, Spec, StickinessKind};

const LISTENERS: &str = "Elastic Load Balancing, \"Listeners for your Application Load Balancers\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV522",
        severity: Severity::Error,
        title: "the load balancer listens nowhere",
        applies: Applies::OnAws,
        about: "Without a listener a load balancer takes no connection, whatever its target groups are.",
        source: LISTENERS,
        remedy: "Add an HTTPS listener with a certificate, and one for HTTP that redirects to it.",
        check: nothing_listens,
    },
    Rule {
        code: "VV523",
        severity: Severity::Error,
        title: "a listener that encrypts has no certificate",
        applies: Applies::OnAws,
        about: "AWS refuses an HTTPS or TLS listener without a certificate.",
        source: LISTENERS,
        remedy: "Set `certificate`: an ARN, or `managed`.",
        check: certificate_is_missing,
    },
    Rule {
        code: "VV524",
        severity: Severity::Warning,
        title: "a public listener forwards in the clear",
        applies: Applies::OnAws,
        about: "API keys and billing data would cross the internet unencrypted.",
        source: LISTENERS,
        remedy: "Redirect it to HTTPS with `redirect_to: 443`.",
        check: listener_is_clear,
    },
    Rule {
        code: "VV525",
        severity: Severity::Error,
        title: "a listener leads nowhere",
        applies: Applies::OnAws,
        about: "A listener either redirects or forwards to a target group of the same load balancer.",
        source: LISTENERS,
        remedy: "Name a target group in `target_group`, or a port in `redirect_to`.",
        check: listener_leads_nowhere,
    },
    Rule {
        code: "VV527",
        severity: Severity::Error,
        title: "that kind of load balancer can't do this",
        applies: Applies::OnAws,
        about: "An Application Load Balancer speaks HTTP and HTTPS, keeps clients by cookie, and spreads over zones \
                always. A Network Load Balancer speaks TCP and TLS, and keeps clients by address.",
        source: "Elastic Load Balancing, product comparison",
        remedy: "Match protocols and stickiness to `load_balancer.type`.",
        check: kind_cannot,
    },
    Rule {
        code: "VV531",
        severity: Severity::Warning,
        title: "the way into production can be deleted by one call",
        applies: Applies::OnAws,
        about: "A deleted load balancer takes its name with it; DNS leads nowhere until another one stands.",
        source: "Elastic Load Balancing, \"Deletion protection\"",
        remedy: "Set `load_balancer.deletion_protection: true`.",
        check: production_is_unprotected,
    },
    Rule {
        code: "VV532",
        severity: Severity::Error,
        title: "two listeners share a port",
        applies: Applies::OnAws,
        about: "A load balancer has one listener a port; AWS refuses the second.",
        source: LISTENERS,
        remedy: "Give each listener a port of its own.",
        check: listeners_clash,
    },
];

fn nothing_listens(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    if balancer.listeners.is_empty() {
        let group = balancer.target_groups.keys().next().map_or("api", String::as_str);
        let fix = format!(
            "set load_balancer.listeners: {{https: {{port: 443, protocol: HTTPS, certificate: managed, target_group: \
             {group}}}, http: {{port: 80, protocol: HTTP, redirect_to: 443}}}}"
        );
        found.add(&["load_balancer.listeners"], "no port takes connections", fix);
    }
}

fn certificate_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (name, listener) in &balancer.listeners {
        let encrypts = matches!(
            listener.protocol,
            LoadBalancerProtocol::Https | LoadBalancerProtocol::Tls
        );
        if encrypts && listener.certificate.is_none() {
            let path = format!("{}.certificate", key("load_balancer.listeners", name));
            let why = format!(
                "port {} is to encrypt, with nothing to prove who answers",
                listener.port
            );
            found.add(&[&path], why, format!("set {path}: managed"));
        }
    }
}

fn listener_is_clear(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = spec.load_balancer.as_ref().filter(|it| !it.internal) else {
        return;
    };
    for (name, listener) in &balancer.listeners {
        let clear = matches!(
            listener.protocol,
            LoadBalancerProtocol::Http | LoadBalancerProtocol::Tcp
        );
        if clear && listener.redirect_to.is_none() {
            let path = key("load_balancer.listeners", name);
            let why = format!("port {} is open to the internet and unencrypted", listener.port);
            found.add(
                &[&format!("{path}.redirect_to"), &path],
                why,
                format!("set {path}.redirect_to: 443"),
            );
        }
    }
}

fn listener_leads_nowhere(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (name, listener) in &balancer.listeners {
        let path = format!("{}.target_group", key("load_balancer.listeners", name));
        let known: Vec<&str> = balancer.target_groups.keys().map(String::as_str).collect();
        match (&listener.target_group, listener.redirect_to) {
            (None, None) => {
                let fix = format!("set {path}: {}", known.first().unwrap_or(&"api"));
                found.add(&[&path], "it neither forwards nor redirects", fix);
            }
            (Some(group), _) if !balancer.target_groups.contains_key(group) => {
                let why = format!("the target groups are: {}", known.join(", "));
                found.add(
                    &[&path],
                    why,
                    format!("set {path}: {}", known.first().unwrap_or(&"api")),
                );
            }
            _ => {}
        }
    }
}

fn kind_cannot(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    let application = balancer.kind == LoadBalancerKind::Application;
    let (name, speaks, keeps) = if application {
        ("an application load balancer", "HTTP and HTTPS", "cookie")
    } else {
        ("a network load balancer", "TCP and TLS", "address")
    };
    let is_http = |protocol| matches!(protocol, LoadBalancerProtocol::Http | LoadBalancerProtocol::Https);
    for (listener_name, listener) in &balancer.listeners {
        if is_http(listener.protocol) != application {
            let path = format!("{}.protocol", key("load_balancer.listeners", listener_name));
            let fix = format!("set {path} to one of {speaks}");
            found.add(
                &[&path, "load_balancer.type"],
                format!("{name} speaks {speaks}"),
                fix,
            );
        }
    }
    for (path, group) in target_groups(balancer) {
        if is_http(group.protocol) != application {
            let path = format!("{path}.protocol");
            let fix = format!("set {path} to one of {speaks}");
            found.add(
                &[&path, "load_balancer.type"],
                format!("{name} speaks {speaks}"),
                fix,
            );
        }
        let by_address = group.stickiness.map(|it| it.kind == StickinessKind::SourceIp);
        if by_address.is_some_and(|by_address| by_address == application) {
            let path = format!("{path}.stickiness.type");
            let why = format!("{name} keeps clients by {keeps}");
            let fix = format!(
                "set {path}: {}",
                if application { "lb_cookie" } else { "source_ip" }
            );
            found.add(&[&path, "load_balancer.type"], why, fix);
        }
    }
    if application && !balancer.cross_zone {
        let why = "an application load balancer spreads over zones always; AWS refuses to turn it off";
        found.add(
            &["load_balancer.cross_zone", "load_balancer.type"],
            why,
            "leave load_balancer.cross_zone out",
        );
    }
}

fn production_is_unprotected(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    if spec.metadata.environment == "production" && !balancer.deletion_protection {
        found.add(
            &["load_balancer.deletion_protection"],
            "the environment is production",
            "set load_balancer.deletion_protection: true",
        );
    }
}

fn listeners_clash(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
    for (name, listener) in &balancer.listeners {
        if let Some(owner) = owners.insert(listener.port.get(), name) {
            let path = format!("{}.port", key("load_balancer.listeners", name));
            let other = format!("{}.port", key("load_balancer.listeners", owner));
            let why = format!("{} is {owner}'s as well", listener.port);
            found.add(&[&path, &other], why, format!("set {path} to another port"));
        }
    }
}
