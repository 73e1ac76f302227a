"""French of the reasons why something outside does not answer: MongoDB, PostgreSQL, a polled source, a folder."""

OUTAGES = {
    "MongoDB is away: {}": "MongoDB est absent : {}",
    "MongoDB refuses these credentials: {}": "MongoDB refuse ces identifiants : {}",
    "{}; its certificate is not trusted here: name its authority with tlsCAFile in mongo_uri": (
        "{} ; son certificat n'est pas reconnu ici : nommez son autorité par tlsCAFile dans mongo_uri"
    ),
    "{}; compare tls in mongo_uri with what the server wants": (
        "{} ; comparez tls dans mongo_uri avec ce que veut le serveur"
    ),
    "{}; compare replicaSet in mongo_uri with the name of the set": (
        "{} ; comparez replicaSet dans mongo_uri avec le nom de l'ensemble"
    ),
    "{}; it may want TLS: then write tls=true into mongo_uri": (
        "{} ; il veut peut-être TLS : écrivez alors tls=true dans mongo_uri"
    ),
    "{}; check the name of the host in mongo_uri, and the DNS of this machine": (
        "{} ; vérifiez le nom de l'hôte dans mongo_uri et le DNS de cette machine"
    ),
    "{}; start it, or correct host and port in mongo_uri": "{} ; démarrez-le, ou corrigez hôte et port dans mongo_uri",
    "{}: [Errno 111] Connection refused": "{} : connexion refusée",
    "{}: connection closed": "{} : connexion fermée",
    "{}: timed out": "{} : pas de réponse à temps",
    "{}: [Errno -2] Name or service not known": "{} : nom d'hôte inconnu",
    "No servers found yet": "aucun serveur trouvé pour l'instant",
    "No primary available for writes": "aucun serveur n'accepte d'écritures pour l'instant",
    "not yet acknowledged by a majority": "pas encore confirmé par une majorité de serveurs",
    "a change is not yet durable": "un changement n'est pas encore durable",
    "PostgreSQL at {} is not available: {}": "PostgreSQL ({}) n'est pas disponible : {}",
    "The disk of PostgreSQL at {} is full: {}": "Le disque de PostgreSQL ({}) est plein : {}",
    "Cassandra at {} is not available: {}": "Cassandra ({}) n'est pas disponible : {}",
    "{}: no answer ({})": "{} : pas de réponse ({})",
    "it took longer than poll_timeout_s = {} s": "plus long que poll_timeout_s = {} s",
    "another process polls this feed now": "un autre processus interroge cette source en ce moment",
    "cannot read files: {}": "impossible de lire les fichiers : {}",
    "cannot list {}: {}": "impossible de lister {} : {}",
    "No such file or directory": "aucun fichier ou dossier de ce nom",
    "Permission denied": "permission refusée",
    "No space left on device": "plus de place sur le disque",
}
