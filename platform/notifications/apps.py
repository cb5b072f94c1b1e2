from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    scope = "admin"

    def ready(self) -> None:
        from notifications.telling import tell
        from webhooks.outbox import also_tell

        also_tell(tell)
