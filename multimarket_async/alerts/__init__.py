"""Rules over figures and health -> messages to a webhook and by mail: one when an alert begins, one when it ends.

`rules` reads config/alerts.toml. `Watch` evaluates the rules and keeps their states in MongoDB, `Delivery` sends what
waits for one receiver. Each is a task of its own, in as many processes as there are: a message is sent by one of them.
"""

from multimarket_async.alerts.conditions import Observer
from multimarket_async.alerts.delivery import Delivery, Receiver, receivers
from multimarket_async.alerts.rules import FILE, Rules, rules
from multimarket_async.alerts.watch import Watch
