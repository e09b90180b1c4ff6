use app::NoticeTemplate;
use schemars::JsonSchema;
use serde::Deserialize;

/// Telling print providers by e-mail, after each print run, how many letters to expect.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LetterVolumes {
    /// Id of the platform's own service, which sends the e-mails to the addresses in `volumes_to` of a letter provider. It
    /// needs a live API key. Without it and `template`, none is sent.
    pub service: Option<String>,
    /// Id of its e-mail template for that. Placeholders: `date`, and for each of `total`, `first_class`, `second_class`,
    /// `economy_mail` and `international` the number of letters (`total_volume`) and of sheets (`total_sheets`).
    pub template: Option<String>,
}

impl LetterVolumes {
    /// Returns the template of the e-mails, if both settings are ids.
    pub(crate) fn notice(&self) -> Option<NoticeTemplate> {
        Some(NoticeTemplate {
            service: self.service.as_ref()?.parse().ok()?,
            template: self.template.as_ref()?.parse().ok()?,
        })
    }
}
