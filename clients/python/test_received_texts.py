import uuid

from platform_under_test import API_KEY, INBOUND_KEY, Case, client


class ReceivedTexts(Case):
    def test_received_texts_are_listed_newest_first(self):
        answer = client(INBOUND_KEY).get_received_texts()
        received = answer["received_text_messages"]
        self.assertTrue(received)
        for one in received:
            self.assertEqual(
                set(one), {"id", "user_number", "notify_number", "service_id", "content", "created_at"}
            )
            self.assertEqual(one["service_id"], INBOUND_KEY[-73:-37])
            self.assert_moment(one["created_at"])
        moments = [one["created_at"] for one in received]
        self.assertEqual(moments, sorted(moments, reverse=True))
        self.assertTrue(answer["links"]["next"].endswith(f"older_than={received[-1]['id']}"))
        self.assertEqual(client(API_KEY).get_received_texts()["received_text_messages"], received)

    def test_the_iterator_turns_the_pages_to_the_end(self):
        inbound = client(INBOUND_KEY)
        received = inbound.get_received_texts()["received_text_messages"]
        self.assertEqual(list(inbound.get_received_texts_iterator()), received)
        self.assertEqual(list(inbound.get_received_texts_iterator(older_than=received[-1]["id"])), [])

    def test_the_end_of_the_list_has_no_link_further(self):
        answer = client(INBOUND_KEY).get_received_texts(older_than=str(uuid.uuid4()))
        self.assertEqual(answer["received_text_messages"], [])
        self.assertNotIn("next", answer["links"])
        self.refused(
            400,
            "ValidationError",
            "older_than is not a valid UUID",
            client(INBOUND_KEY).get_received_texts,
            older_than="nonsense",
        )
