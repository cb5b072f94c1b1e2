"""What is said of people, teams, roles and keys."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # People
        "invalid_email": sentence("'%(email)s' is not an email address."),
        "administrator_needed": sentence("Only an administrator of the platform may do this."),
        "account_exists": sentence(
            "%(email)s already has an account. Sign in with it, then open the invitation again."
        ),
        "invitation_for_another": sentence("This invitation is for %(email)s. Sign out, and sign in as that person."),
        "link_over": sentence(
            "This link does not work: it was used, withdrawn or has expired. Ask the sender for another."
        ),
        "no_invitation": sentence("There is no such open invitation."),
        "unknown_person": sentence(
            "Nobody here has the email '%(email)s'. An administrator must create the account first, with "
            "manage.py create_api_key or on the administration pages."
        ),
        "member_exists": sentence("%(email)s is already in the team."),
        "member_not_found": sentence("The team has no member '%(member)s'."),
        "member_gone": sentence("This person is no longer in the team."),
        "last_owner": sentence("%(email)s is the team's only owner. Make somebody else an owner first."),
        # Teams
        "no_team": sentence("You belong to no team yet. Ask an administrator to add you to one."),
        "team_not_found": sentence("There is no team '%(team)s'."),
        "team_name_taken": sentence("There is already a team '%(team)s'. Choose another name."),
        "team_without_name": sentence("A team needs a name."),
        "invalid_team": sentence("%(team)s is the platform's own team, which nobody belongs to. Choose another name."),
        # Roles
        "unknown_team_role": sentence("There is no role '%(role)s'. Known roles: %(roles)s."),
        "member_needed": sentence(
            "Only members and owners of the team %(team)s may do this, and you are a viewer in it."
        ),
        "owner_needed_by_member": sentence("Only owners of the team %(team)s may do this, and you are a member of it."),
        "owner_needed_by_viewer": sentence("Only owners of the team %(team)s may do this, and you are a viewer in it."),
        "author_needed": sentence("Only its creator and owners of the team %(team)s may do this."),
        "owners_can_change": sentence("An owner can change that: %(owners)s."),
        "administrator_can_change": sentence("An administrator can change that."),
        # Audit
        "no_audit_event": sentence("There is no event '%(event)s' to continue after."),
        # Keys
        "api_key_not_found": sentence("This API key does not exist."),
        "no_key_asks": sentence("You are signed in without a key. Ask with the key that you mean."),
        "api_key_missing": sentence("Send an API key as '%(header)s'."),
        "api_key_refused": sentence(
            "This API key is not known or was revoked. Create a key in the console, and send it as '%(header)s'."
        ),
        "api_key_expired": sentence(
            "This API key expired at %(when)s. Create another in the console, and send it as '%(header)s'."
        ),
        "scope_needed": sentence(
            "This API key lacks the scope '%(scope)s'; it has: %(scopes)s. Use a key that was made with it."
        ),
        "scopes_beyond_key": sentence(
            "A key can only make keys that may do no more than itself. This one has: %(scopes)s."
        ),
        "scope_needed_by_unscoped": sentence(
            "This API key was made without scopes, so it lacks '%(scope)s'. Use a key that was made with it."
        ),
        "expiry_beyond_key": sentence(
            "A key can only make keys that expire no later than itself. This one expires at %(when)s."
        ),
        "rate_limit_of_key": sentence(
            "This API key may ask for %(limit)s %(kind)s in this time, which are used up. Ask again in %(seconds)s "
            "seconds, or use a key with a higher limit."
        ),
        "rate_limit_of_team": sentence(
            "The keys of your team may ask for %(limit)s %(kind)s in this time, which are used up. Ask again in "
            "%(seconds)s seconds, or ask an administrator for a higher limit."
        ),
        "no_limit_sent": sentence("Send at least one limit to change."),
        "kind_requests": sentence("requests"),
        "kind_tokens": sentence("tokens"),
        "key_expiry_refused": sentence("A key lasts from 1 to %(days)d days, or does not expire."),
        "key_of_another": sentence("Only its holder, %(holder)s, can rotate this key. Revoke it instead."),
        "key_expired_already": sentence("This key expired at %(when)s. Create another."),
        "too_many_guesses": sentence("Too many wrong API keys came from this address."),
    }
)
message = CATALOGUE.message
