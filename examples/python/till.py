"""A till: a discount for whoever pays 15 WOM, offline. `python examples/python/till.py`."""

from datetime import timedelta

from wom_sdk import Client, Merchant, Offer, Order, OrderLine, Pocket, Registry, Shop
from wom_sdk.errors import InputInvalid

OFFERS = {"coffee": Offer(title="10 % for 15 minutes", wom=15, percent=10)}


class Till(Merchant):
    """The bar's own till. It can be read and changed; most have a data base behind it."""

    name, summary = "example.till", "The till of an example"

    def __init__(self) -> None:
        self.sold: dict[str, list[OrderLine]] = {}

    def read(self, order: str) -> Order:
        lines = self.sold.get(order)
        if lines is None:
            raise InputInvalid("there is no such order")
        total = sum(line.amount for line in lines)
        return Order(order, str(len(lines)), total, "EUR", open=True, lines=lines)

    def find(self, reference: str) -> str | None:
        found = (id for id, lines in self.sold.items() for line in lines if line.reference == reference)
        return next(found, None)

    def apply(self, order: str, money: int, key: str) -> str | None:
        if self.find(key) is None:  # one discount for each key, however often it is asked for
            self.sold[order].append(OrderLine("WOM", -money, key))
        return key


def main() -> None:
    with Registry() as registry, Pocket(registry) as pocket:
        # Somebody was given 20 WOM, and holds them in a Pocket.
        with Client(registry.add_instrument("Library", ["C"])) as client:
            pocket.redeem(client.award("reading 7", aim="C", minutes=20, place=(43.7263, 12.6366)))

        # The till asks for 15 and shows a QR code and a PIN.
        till = Till()
        till.sold["1001"] = [OrderLine("breakfast", 830)]
        with Shop("bar", registry.add_pos("Caffè", "Counter"), till, OFFERS) as shop:
            asked = shop.offer("1001", "coffee")

            # The person pays; the discount gets onto the order, once.
            pocket.pay(asked)
            sale = shop.wait(asked, timedelta(seconds=20))
            assert (sale.state, sale.given) == ("applied", 83)
            receipt = shop.receipt(sale)
            assert receipt is not None
            print(f"{receipt.text}: {receipt.amount} cents")
            print(f"to pay: {sale.total} cents instead of 830")


if __name__ == "__main__":
    main()
