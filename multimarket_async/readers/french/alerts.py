"""French of alerts: their sentences, as the page, the terminal and messages have them."""

CONDITIONS = {
    "a file of {} waits for {} s": "un fichier de {} attend depuis {} s",
    "{} files of the last hour were late": "{} fichiers de la dernière heure étaient en retard",
    "{} % of the files of the last hour are in quarantine: {} of {}": (
        "{} % des fichiers de la dernière heure sont en quarantaine : {} sur {}"
    ),
    "the source of {} is {} since {} UTC": "la source de {} est {} depuis le {} UTC",
    "failing": "en échec",
    "overdue": "en retard",
    "nothing has come for {} since {} UTC": "rien n'est arrivé pour {} depuis le {} UTC",
    "the sink {} is {} generations behind since {} UTC": (
        "la destination {} a {} générations de retard depuis le {} UTC"
    ),
    "KPIs lack what was stored {} s ago": "il manque aux indicateurs ce qui a été enregistré il y a {} s",
    "the KPI {} fails": "l'indicateur {} échoue",
    "{}: {}, above {}": "{} : {}, au-dessus de {}",
    "{}: {}, below {}": "{} : {}, en dessous de {}",
    "{}: {} fell by {} % against the same weekday: {} after {}": (
        "{} : {} en baisse de {} % par rapport au même jour de la semaine précédente : {} après {}"
    ),
    "{}: {} rose by {} % against the same weekday: {} after {}": (
        "{} : {} en hausse de {} % par rapport au même jour de la semaine précédente : {} après {}"
    ),
    "{}: {} fell by {} % against the week before: {} after {}": (
        "{} : {} en baisse de {} % par rapport à la semaine précédente : {} après {}"
    ),
    "{}: {} rose by {} % against the week before: {} after {}": (
        "{} : {} en hausse de {} % par rapport à la semaine précédente : {} après {}"
    ),
}
ALERTS = CONDITIONS | {
    "Alert {name}: begun": "Alerte {} : elle commence",
    "Alert {name}: goes on": "Alerte {} : elle continue",
    "Alert {name}: ended": "Alerte {} : terminée",
    "Alert {name}: test": "Alerte {} : essai",
    "Alert {name} since {} UTC: {}": "Alerte {} depuis le {} UTC : {}",
    "Since {} UTC": "Depuis le {} UTC",
    "From {} to {} UTC": "Du {} au {} UTC",
    "this is a test": "ceci est un essai",
    "No alert goes on": "Aucune alerte en cours",
    "a test was sent": "un essai a été envoyé",
    "{} sent": "{} envoyés",
    "webhook: {}": "webhook : {}",
    "mail: {}": "courriel : {}",
    "alerts by webhook: {}": "alertes par webhook : {}",
    "alerts by mail: {}": "alertes par courriel : {}",
    "{}: it answers {name}": "{} : réponse {}",
    "{}: it cannot be reached ({name})": "{} : injoignable ({})",
    "{}: the encryption fails: {name}": "{} : le chiffrement échoue : {}",
    "{} answers {name}": "{} répond {}",
    "{} does not answer in time": "{} ne répond pas à temps",
    "{} does not accept smtp_user and smtp_password": "{} n'accepte pas smtp_user et smtp_password",
    "{} refuses all addresses of alert_mail_to": "{} refuse toutes les adresses de alert_mail_to",
    "Alerts have no receiver: set alert_webhook_url or alert_mail_to": (
        "Les alertes n'ont pas de destinataire : réglez alert_webhook_url ou alert_mail_to"
    ),
    "{} rules, but no receiver: set alert_webhook_url or alert_mail_to": (
        "{} règles, mais pas de destinataire : réglez alert_webhook_url ou alert_mail_to"
    ),
    "{} rules, to {name}": "{} règles, vers {}",
    "alerts": "alertes",
    "{name}: [{name}] {}": "{} : [{}] {}",
    "expected either above or below": "attendu : soit above, soit below",
    "expected either fell_pct or rose_pct": "attendu : soit fell_pct, soit rose_pct",
    "when is missing: expected one of {name}": "when manque : attendu l'un de {}",
    "when = {name}: expected one of {name}": "when = {} : attendu l'un de {}",
    "when = {name}: expected one of {name}. Did you mean {name}?": (
        "when = {} : attendu l'un de {}. Vouliez-vous dire {} ?"
    ),
    "{name}: this rule has no such key": "{} : cette règle n'a pas une telle clé",
    "is no name for an alert: use letters, digits, - and _, at most 60": (
        "n'est pas un nom d'alerte : lettres, chiffres, - et _, 60 au plus"
    ),
    "{name} has no days: choose a KPI by day": "{} n'a pas de jours : choisissez un indicateur par jour",
    "{name} names {name}, which there is not; there are {name}": "{} nomme {}, qui n'existe pas ; il y a {}",
    "{name} names {name}, which there is not; there are {name}. Did you mean {name}?": (
        "{} nomme {}, qui n'existe pas ; il y a {}. Vouliez-vous dire {} ?"
    ),
    "{name} names {name}, which there is not; there are none": "{} nomme {}, qui n'existe pas ; il n'y en a pas",
}
