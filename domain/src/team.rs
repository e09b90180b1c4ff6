use crate::words::words;

words! {
    /// What a member of a team may do in a service.
    MemberPermission, "permission of a member" {
        /// Invite and remove members.
        ManageUsers = "manage_users",
        /// Write templates.
        ManageTemplates = "manage_templates",
        /// Change how the service is set up.
        ManageSettings = "manage_settings",
        /// Send text messages.
        SendTexts = "send_texts",
        /// Send e-mails.
        SendEmails = "send_emails",
        /// Send letters.
        SendLetters = "send_letters",
        /// Make and revoke API keys.
        ManageApiKeys = "manage_api_keys",
        /// See what was sent.
        ViewActivity = "view_activity",
    }
}

words! {
    /// Whether a person can sign in.
    UserState, "state of a user" {
        /// Has not confirmed who they are yet.
        Pending = "pending",
        /// Can sign in.
        Active = "active",
        /// Cannot sign in any more.
        Inactive = "inactive",
    }
}
