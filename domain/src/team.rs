use crate::words::string_enum;

string_enum! {
    /// Permission of a team member within one service.
    pub enum MemberPermission: "permission of a member" {
        /// Invite and remove members.
        ManageUsers = "manage_users",
        /// Create, edit and archive templates.
        ManageTemplates = "manage_templates",
        /// Change the settings of the service.
        ManageSettings = "manage_settings",
        /// Send text messages.
        SendTexts = "send_texts",
        /// Send e-mails.
        SendEmails = "send_emails",
        /// Send letters.
        SendLetters = "send_letters",
        /// Create and revoke API keys.
        ManageApiKeys = "manage_api_keys",
        /// View sent notifications.
        ViewActivity = "view_activity",
    }
}

string_enum! {
    /// Whether a user can sign in.
    pub enum UserState: "state of a user" {
        /// Invited, identity not yet confirmed.
        Pending = "pending",
        /// Can sign in.
        Active = "active",
        /// Can no longer sign in.
        Inactive = "inactive",
    }
}
