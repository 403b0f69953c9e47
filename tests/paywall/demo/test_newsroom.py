"""The newspaper as a CMS: it states every article, once the paywall is up."""

from http import HTTPStatus

import pytest

from paywall.demo import articles, newsroom
from tests.paywall.demo.fake_paywall import NOW, SITE, FakePaywall


class TestStating:
    def state(self, api: str) -> int:
        return newsroom.state(api=api, api_key="key", site=SITE, now=NOW, patience=5.0)

    def test_puts_every_article_with_the_site_key(self, api: str, paywall: FakePaywall) -> None:
        assert self.state(api) == len(articles.edition())
        assert paywall.stated == articles.statements(NOW, site=SITE)
        assert {headers["Authorization"] for _, _, headers in paywall.asked} == {"Api-Key key"}

    def test_stops_at_once_when_the_key_is_refused(self, api: str, paywall: FakePaywall) -> None:
        paywall.answer_to_statements = HTTPStatus.FORBIDDEN
        with pytest.raises(newsroom.RefusedError):
            self.state(api)
        assert len(paywall.asked) == 1

    def test_gives_up_in_time_when_nobody_is_there(self) -> None:
        with pytest.raises(TimeoutError):
            newsroom.state(api="http://127.0.0.1:9", api_key="key", site=SITE, now=NOW, patience=0.2)
