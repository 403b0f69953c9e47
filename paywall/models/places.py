"""Institutions: whose readers are known by where they come from, and how much they read."""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import shelf
from paywall import kept, networks
from paywall.networks import NetworkRefused

# Where anybody gets an address.
_OF_EVERYBODY = frozenset(
    {
        "aol.com", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com",
        "icloud.com", "live.com", "mail.com", "me.com", "msn.com", "outlook.com", "outlook.de", "posteo.de",
        "proton.me", "protonmail.com", "t-online.de", "web.de", "yahoo.com", "yahoo.de", "yandex.ru",
    }
)  # fmt: skip
# Below these in a country everybody has a domain: ac.uk, com.au, or.at.
_REGISTRIES = frozenset({"ac", "co", "com", "edu", "go", "gov", "gv", "ne", "net", "or", "org", "sch"})
# Labels with a dot between them, as DNS has them: no address, no wildcard, no bare ending.
_DOMAIN = re.compile(r"^(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")


def new_key() -> str:
    """Return a name that nothing had before."""
    return secrets.token_urlsafe(12)


class DirectoryVersion(models.Model):
    """One row whose `key` is new whenever anything changes by which a place is recognised.

    It stands beside each article that is fetched, so that a process knows without a further statement whether what it
    keeps of the directory still holds. No row: there never was a place. Whoever changes a place locks the row first.
    """

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    key = models.CharField(max_length=20, default=new_key)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="directory_has_one_version")]

    def __str__(self) -> str:
        return self.key

    @classmethod
    def lock(cls) -> None:
        """Let changes of places follow one another until the transaction ends."""
        cls.objects.get_or_create(pk=cls.ONLY)
        cls.objects.select_for_update().get(pk=cls.ONLY)

    @classmethod
    def renew(cls) -> None:
        """Say that something changed."""
        cls.objects.update_or_create(pk=cls.ONLY, defaults={"key": new_key()})
        shelf.turn(kept.CATALOGUE)


class Institution(models.Model):
    """A campus, a library, a company: what it opens to whoever comes from its networks or has an address there.

    Without a network or a domain it opens to nobody.
    """

    name = models.CharField(_("name"), max_length=160, unique=True)
    products = models.JSONField(_("opens"), default=list)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    message = models.CharField(
        _("message"), max_length=300, blank=True,
        help_text=_("Told to its readers on the page on which they see whether we recognise them."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("institution")
        verbose_name_plural = _("institutions")
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=~models.Q(products=[]), name="institution_opens_something"),
            models.CheckConstraint(
                condition=models.Q(starts_at=None)
                | models.Q(ends_at=None)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="institution_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Network(models.Model):
    """A range of addresses that belongs to one institution alone."""

    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="networks")
    cidr = models.CharField(
        _("network"), max_length=50, help_text=_("IPv4 or IPv6: 192.0.2.0/24, 2001:db8::/32, or one address.")
    )
    first = models.CharField(max_length=33, unique=True, editable=False)
    last = models.CharField(max_length=33, editable=False)
    note = models.CharField(_("note"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ("first",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(first__gt="", last__gte=models.F("first")), name="network_has_addresses"
            ),
        ]

    def __str__(self) -> str:
        return self.cidr

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it if it is still alone; two that overlap and are saved at once follow one another.

        :raises ValidationError: as `clean` does.
        """
        with transaction.atomic():
            DirectoryVersion.lock()
            self.clean()
            super().save(*args, **kwargs)

    def clean(self) -> None:
        """Bring the network into its one spelling.

        :raises ValidationError: it is none, too wide, not public, or shares addresses with another one.
        """
        try:
            read = networks.read(self.cidr, allow_private=settings.DEBUG)
        except NetworkRefused as refused:
            raise ValidationError({"cidr": str(refused)}) from refused
        # Stored networks share no address, so only the last that begins before this one ends can reach into it.
        others = Network.objects.exclude(pk=self.pk).select_related("institution")
        other = others.filter(first__lte=read.last).order_by("-first").first()
        if other is not None and other.last >= read.first:
            told = gettext("%(network)s shares addresses with %(other)s of %(institution)s.")
            raise ValidationError(
                {"cidr": told % {"network": read.cidr, "other": other.cidr, "institution": other.institution}}
            )
        self.cidr, self.first, self.last = read.cidr, read.first, read.last


class EmailDomain(models.Model):
    """A domain at which whoever has a proven address is a reader of the institution."""

    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(
        _("domain"), max_length=253, unique=True,
        validators=[RegexValidator(_DOMAIN, _("Write a domain as in an e-mail address: uni.example."))],
    )  # fmt: skip
    subdomains = models.BooleanField(
        _("subdomains too"),
        default=False,
        help_text=_("Also addresses at students.uni.example and the like."),
    )

    class Meta:
        verbose_name = _("e-mail domain")
        verbose_name_plural = _("e-mail domains")
        ordering = ("domain",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(domain__contains=".", domain=Lower("domain")),
                name="email_domain_is_one_in_lower_case",
            ),
        ]

    def __str__(self) -> str:
        return self.domain

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it if it is a domain of one place.

        :raises ValidationError: it is none.
        """
        self.full_clean(validate_unique=False, validate_constraints=False)
        super().save(*args, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        """Take a domain as people write it; keep it as addresses are stored, in lower case."""
        self.domain = self.domain.strip().lower().removeprefix("@")
        super().clean_fields(exclude=exclude)

    def clean(self) -> None:
        """Refuse what belongs to nobody alone.

        :raises ValidationError: anybody can have an address there.
        """
        label, _dot, country = self.domain.partition(".")
        is_registry = self.subdomains and label in _REGISTRIES and len(country) == 2
        if self.domain in _OF_EVERYBODY or is_registry:
            raise ValidationError({"domain": gettext("Anybody can have an address there.")})


class InstitutionUse(models.Model):
    """How often an article was opened in a month because of an institution."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="uses")
    month = models.DateField(_("month"))
    article = models.CharField(_("article"), max_length=120)
    opens = models.PositiveIntegerField(_("opened"), default=0)

    class Meta:
        ordering = ("-month", "article")
        constraints = [
            models.UniqueConstraint(
                fields=("institution", "month", "article"), name="institution_use_one_count"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.institution_id} {self.month:%Y-%m} {self.article}"
