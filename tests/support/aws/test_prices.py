"""Shows the Price List: filters, pages, and what a test may change of it."""

from __future__ import annotations

import json
import unittest

from fake_case import FakeAws


class Prices(FakeAws):
    def products(self, service, **attributes):
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
        client, answer, found = self.aws("pricing", as_sdk=True), {"NextToken": None}, []
        while "NextToken" in answer:
            more = {"NextToken": answer["NextToken"]} if answer["NextToken"] else {}
            answer = client.get_products(ServiceCode=service, Filters=filters, FormatVersion="aws_v1", **more)
            self.assertEqual(answer["FormatVersion"], "aws_v1")
            found.append(answer["PriceList"])
        return found

    def test_filters_and_pages(self):
        nat = {"productFamily": "NAT Gateway", "regionCode": "eu-west-1"}
        whole = self.products("AmazonEC2", **nat)
        self.assertEqual(len(whole), 1)
        self.assertEqual(len(whole[0]), 3)
        self.control("config", {"price_list": {"page": 2}})
        self.assertEqual([len(page) for page in self.products("AmazonEC2", **nat)], [2, 1])
        product = json.loads(whole[0][0])
        self.assertEqual(product["product"]["attributes"]["usagetype"], "EU-NatGateway-Hours")
        offer = next(iter(product["terms"]["OnDemand"].values()))
        dimension = next(iter(offer["priceDimensions"].values()))
        self.assertEqual(dimension["pricePerUnit"], {"USD": "0.0495000000"})
        self.assertEqual(self.products("AmazonEC2", regionCode="mars-north-1"), [[]])
        client = self.aws("pricing")
        self.refused("InvalidParameterException", client.get_products, ServiceCode="AmazonMars")

    def test_what_a_test_may_change(self):
        changes = {"hidden": ["NatGateway-Bytes"], "garbage": ["RegionalNatGateway-Hours"], "price": {"NatGateway-Hours": "0.05"}}
        self.control("config", {"price_list": changes})
        (page,) = self.products("AmazonEC2", productFamily="NAT Gateway", regionCode="us-east-1")
        self.assertEqual(len(page), 2)
        self.assertIn('"USD": "0.0500000000"', page[0])
        self.assertRaises(ValueError, json.loads, page[1])


if __name__ == "__main__":
    unittest.main()
