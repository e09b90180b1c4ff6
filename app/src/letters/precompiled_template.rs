//! The hidden template of letters that are supplied as PDF (`docs/spec/public-api.md` §11), created on first use.

use std::sync::Arc;

use domain::{Channel, Postage, ServiceId, TemplateId};
use store::templates::Template;
use uuid::Uuid;

use crate::{App, ParsedTemplate, cache::templates};

const NAME: &str = "Pre-compiled PDF";

/// Finds or creates the template of a service's precompiled letters.
pub(crate) async fn find_or_create(
    app: &App,
    service: ServiceId,
) -> Result<Arc<ParsedTemplate>, Arc<store::Error>> {
    let id = id_of(service);
    if let Some(found) = templates::find(app, service, id).await? {
        return Ok(found);
    }
    let template = template(app, service, id);
    let mut tx = app.write().await?;
    match store::templates::insert(&mut tx, &template).await {
        Ok(()) => tx.commit().await?,
        // A concurrent request has just created the same template.
        Err(store::Error::Exists) => tx.roll_back().await?,
        Err(fault) => return Err(Arc::new(fault)),
    }
    app.caches.templates.invalidate(service, id);
    Ok(Arc::new(ParsedTemplate::new(template)))
}

pub(super) fn id_of(service: ServiceId) -> TemplateId {
    // A function of the service, so that concurrent first uses create one template.
    Uuid::new_v5(&service.as_uuid(), NAME.as_bytes()).into()
}

fn template(app: &App, service: ServiceId, id: TemplateId) -> Template {
    Template {
        id,
        service_id: service,
        template_type: Channel::Letter,
        lane: None,
        archived: false,
        hidden: true,
        version: 1,
        name: NAME.to_owned(),
        subject: Some(NAME.to_owned()),
        content: String::new(),
        has_unsubscribe_link: false,
        postage: Some(Postage::Second),
        letter_contact_id: None,
        letter_contact_block: None,
        letter_attachment_id: None,
        letter_callbacks: None,
        welsh_subject: None,
        welsh_content: None,
        folder_id: None,
        created_by: None,
        created_at: app.clock.now(),
        updated_at: None,
    }
}
