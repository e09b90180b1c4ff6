use app::NoticeTemplate;
use providers::outbound::UrlRules;
use schemars::JsonSchema;
use serde::Deserialize;

/// Callbacks to services: which URLs they may go to, and when they are paused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Callbacks {
    /// Ports that URLs of callbacks may have, separated by commas. Add one if a service cannot use these.
    #[schemars(with = "String", extend("default" = Ports::default().to_string()))]
    pub ports: Ports,
    /// Whether URLs may lead to this machine, with http too and at any port. Turn it on to try out callbacks; with it, a
    /// service can reach whatever listens on this machine.
    pub allow_loopback: bool,
    /// Minutes after which callbacks to an endpoint are paused, if no attempt succeeds and at least twenty fail. They are
    /// then held in the log; every ten minutes one is sent to find out whether the endpoint answers again. Raise it if
    /// services often have longer outages.
    #[schemars(range(min = 0, max = 525_600))]
    pub pause_after_minutes: u64,
    /// Id of the platform's own service, which tells other services by e-mail that their callbacks are paused. It needs a
    /// live API key. Without it and `notice_template`, only the log says so.
    pub notice_service: Option<String>,
    /// Id of its e-mail template for that, with the placeholders `service`, `callback` and `since`. It goes to the members
    /// who may manage the settings.
    pub notice_template: Option<String>,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            allow_loopback: false,
            pause_after_minutes: 60,
            notice_service: None,
            notice_template: None,
        }
    }
}

impl Callbacks {
    /// Returns the template of notices, if both settings are ids.
    pub(crate) fn notice(&self) -> Option<NoticeTemplate> {
        Some(NoticeTemplate {
            service: self.notice_service.as_ref()?.parse().ok()?,
            template: self.notice_template.as_ref()?.parse().ok()?,
        })
    }

    /// Returns which URLs may be called.
    pub(crate) fn url_rules(&self) -> UrlRules {
        UrlRules {
            ports: self.ports.0.clone(),
            allow_loopback: self.allow_loopback,
        }
    }
}

/// A list of ports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ports(Vec<u16>);

/// A text that is no list of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no list of ports, such as 443, 8443")]
pub struct InvalidPorts(String);

impl TryFrom<String> for Ports {
    type Error = InvalidPorts;

    fn try_from(text: String) -> Result<Self, InvalidPorts> {
        let ports: Result<Vec<u16>, _> = text.split(',').map(|port| port.trim().parse()).collect();
        ports.map(Self).map_err(|_| InvalidPorts(text))
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self(UrlRules::default().ports)
    }
}

impl std::fmt::Display for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ports: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&ports.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_separated_by_commas() {
        let ports = |text: &str| Ports::try_from(text.to_owned());
        assert_eq!(ports("443,8443"), Ok(Ports::default()));
        assert_eq!(ports("443").unwrap().to_string(), "443");
        assert!(ports("https").is_err());
        assert!(ports("70000").is_err());
    }
}
