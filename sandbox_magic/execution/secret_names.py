"""Names that look like a person's secrets, and what to call them. A name proves nothing: this words a sentence.

One with a ``/`` stands for a name in a directory of that name: alone it would be anybody's.
"""

from __future__ import annotations

import fnmatch
import itertools

_NAMES = (
    ("SSH keys", ".ssh id_rsa id_dsa id_ecdsa id_ed25519 id_ecdsa_sk id_ed25519_sk authorized_keys"),
    ("names of SSH servers", "known_hosts"),
    ("AWS credentials", ".aws .s3cfg"),
    ("cloud credentials", "gcloud .azure .boto application_default_credentials.json .terraform.d rclone.conf"),
    ("credentials of a code host", ".config/gh gh/hosts.yml .config/hub glab-cli/config.yml"),
    ("Kubernetes credentials", ".kube kubeconfig serviceaccount"),
    ("Docker credentials", ".docker .dockercfg containers/auth.json"),
    ("the Docker socket", "docker.sock containerd.sock podman.sock"),
    ("saved passwords", ".netrc _netrc .git-credentials git/credentials .pgpass .my.cnf .htpasswd .password-store"),
    ("saved passwords", "keyrings python_keyring kwalletd *.kdbx login.keychain* Keychains"),
    ("keys of package registries", ".npmrc .pypirc .yarnrc .yarnrc.yml .cargo credentials.toml .m2/settings.xml"),
    ("GPG keys", ".gnupg secring.gpg"),
    ("browser profiles", ".mozilla google-chrome chromium BraveSoftware microsoft-edge logins.json key4.db Cookies"),
    ("browser profiles", "cookies.sqlite"),
    ("wallets", "wallet.dat .bitcoin .ethereum .electrum .monero .solana Exodus keystore *.wallet"),
    ("password hashes", "shadow shadow- gshadow master.passwd"),
    ("shell history", ".bash_history .zsh_history .sh_history .ksh_history .histfile fish_history"),
    ("shell history", ".python_history history.sqlite .node_repl_history .psql_history .mysql_history .sqlite_history"),
    ("environment files", ".env .env.*"),
    ("private keys", "*.pem *.ppk *.p12 *.pfx *.key"),
    ("secrets", "*token* *secret* *password* *passwd.txt *credential*"),
)
_PATTERNS = tuple((what, pattern) for what, patterns in _NAMES for pattern in patterns.split())


def secret(path: str) -> str:
    """Return what a path looks like, in the words of a sentence; empty for an ordinary one."""
    parts = [part for part in path.split("/") if part]
    pairs = [f"{above}/{part}" for above, part in itertools.pairwise(parts)]
    for what, pattern in _PATTERNS:
        whole = pattern.startswith("*") or "." in pattern.lstrip(".")  # of a file, not of what it lies in
        names = pairs if "/" in pattern else parts[-1:] if whole else parts
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            return what
    return ""
