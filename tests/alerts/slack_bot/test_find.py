"""A reply that was lost: Slack is asked, and only the missing half is sent again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels.channel import (
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.slack_search import PAGE, PAGES
from tests.alerts.slack_bot.bot import (
    FIRST,
    SECOND,
    SOON_S,
    Bot,
    deliver,
    replace_post,
)
from tests.stand_ins.slack_api import Fault, SlackApiStandIn
from tests.stand_ins.slack_workspace import CHANNEL


class TestFind:
    @pytest.mark.parametrize("fault", [Fault.ACT_THEN_DROP, Fault.INTERNAL_ERROR, Fault.BAD_GATEWAY])
    async def test_a_first_message_whose_reply_was_lost_is_not_repeated(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault
    ) -> None:
        slack.break_next("chat.postMessage", fault)
        reference = await deliver(bot(), FIRST)
        (post,) = slack.posts
        assert reference == f"{CHANNEL}:{post.ts}"

    async def test_a_first_message_that_never_arrived_is_sent_again(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        slack.break_next("chat.postMessage", Fault.RESET)
        await deliver(bot(), FIRST)
        assert [post.key for post in slack.posts] == ["feature_drift/1"]

    @pytest.mark.parametrize("fault", [Fault.ACT_THEN_DROP, Fault.RESET, Fault.INTERNAL_ERROR])
    @pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
    async def test_a_revision_whose_reply_was_lost_is_shown_once(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault, method: str
    ) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.break_next(method, fault)
        assert await deliver(channel, SECOND, living=living) == living
        (post,) = slack.top()
        assert post.key == "feature_drift/2"
        assert [line.key for line in slack.replies(post.ts)] == ["feature_drift/2"]

    async def test_a_death_between_the_edit_and_the_line_leaves_one_of_each(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        dying = bot()
        living = await dying.send(FIRST)
        slack.break_next("chat.postMessage", Fault.HANG)
        sending = asyncio.create_task(dying.send(SECOND, living=living))
        while slack.count("chat.postMessage") < 2:
            slack.asked.clear()
            await slack.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

        successor = bot()
        found = await successor.find(SECOND, living=living)
        assert (found.sighting, found.reference) == (Sighting.ABSENT, living)
        assert await successor.send(SECOND, living=living) == living
        (post,) = slack.top()
        assert (post.key, [line.key for line in slack.replies(post.ts)]) == (
            "feature_drift/2",
            ["feature_drift/2"],
        )
        assert (await successor.find(SECOND, living=living)).sighting is Sighting.ARRIVED

    async def test_a_revision_posted_anew_is_found_by_its_key(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.delete(living.partition(":")[2])
        slack.break_next("chat.postMessage", Fault.ACT_THEN_DROP)
        renewed = await deliver(channel, SECOND, living=living)
        (post,) = slack.posts
        assert renewed == f"{CHANNEL}:{post.ts}"

    async def test_the_edit_alone_does_not_count_as_arrived(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.break_next("chat.postMessage", Fault.ERROR_500)
        with pytest.raises(TransientError):
            await channel.send(SECOND, living=living)
        assert slack.top()[0].key == "feature_drift/2"
        assert (await channel.find(SECOND, living=living)).sighting is Sighting.ABSENT

    async def test_an_absent_message_names_the_living_one_of_its_episode(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        await channel.send(replace(FIRST, key="other/1", group="other"))
        await channel.send(replace(FIRST, key="feature_drift/9", episode="2026-05-01"))
        found = await channel.find(SECOND)
        assert (found.sighting, found.reference) == (Sighting.ABSENT, living)

    async def test_it_is_found_behind_a_page_of_other_people(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        reference = await channel.send(replace(FIRST, at="2026-03-12T21:00:00+00:00"))
        chatter = slack.posts[0]
        for number in range(PAGE + 50):
            ts = f"{float(chatter.ts) + 1 + number:.6f}"
            slack.posts.append(replace_post(chatter, ts))
        found = await channel.find(FIRST)
        assert (found.sighting, found.reference) == (Sighting.ARRIVED, reference)
        assert slack.count("conversations.history") == 2

    async def test_a_search_that_would_read_too_much_is_unknowable(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        await channel.send(FIRST)
        chatter = slack.posts[0]
        slack.posts += [
            replace_post(chatter, f"{float(chatter.ts) + 1 + number:.6f}") for number in range(PAGE * PAGES)
        ]
        assert (await channel.find(FIRST)).sighting is Sighting.UNKNOWABLE
        assert slack.count("conversations.history") == PAGES

    async def test_what_is_older_than_the_decision_is_not_read(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        await channel.send(FIRST)
        decided = datetime.now(UTC) + timedelta(days=2)
        found = await channel.find(replace(FIRST, at=decided.isoformat()))
        assert found.sighting is Sighting.ABSENT

    async def test_without_the_right_to_read_it_says_so(self, slack: SlackApiStandIn, bot: Bot) -> None:
        slack.scopes = "chat:write"
        with pytest.raises(PermanentError, match=r"missing_scope \(needs channels:history\)"):
            await bot().find(FIRST)

    @pytest.mark.parametrize("fault", [Fault.HANG, Fault.ACT_THEN_DROP, Fault.ERROR_500, Fault.RATE_LIMITED])
    async def test_a_question_that_goes_wrong_is_transient(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault
    ) -> None:
        slack.break_next("conversations.history", fault, fault)  # the HTTP library repeats a lost read once
        with pytest.raises(TransientError):
            await bot(timeout_s=SOON_S).find(FIRST)

    async def test_replies_are_lost_at_random_and_nothing_is_doubled(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        slack.reply_loss = 0.3
        channel, living = bot(), ""
        for number in range(1, 61):
            message = replace(SECOND, key=f"feature_drift/{number}")
            for _ in range(50):
                try:
                    living = await deliver(channel, message, living=living)
                    break
                except (TransientError, UnknownOutcomeError):
                    found = await channel.find(message, living=living)
                    if found.sighting is Sighting.ARRIVED:
                        break
        (post,) = slack.top()
        assert [line.key for line in slack.replies(post.ts)] == [
            f"feature_drift/{number}" for number in range(2, 61)
        ]
