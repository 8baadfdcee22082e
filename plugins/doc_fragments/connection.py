# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options for the connection to a cluster's API.

Their names, aliases and environment variables are those of kubernetes.core
(plugins/doc_fragments/k8s_auth_options.py there), so that one set of variables, one C(module_defaults)
and one AWX credential serve both collections.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Connection options."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - A kubeconfig, as the path of a file (or several paths separated by C(:)) or as a dictionary.
      - The environment variable E(K8S_AUTH_KUBECONFIG) is used when this is not set.
      - When neither a kubeconfig, nor O(context), nor O(host) with a way to authenticate is given, the module uses the
        service account of the pod that it runs in, if there is one, otherwise E(KUBECONFIG) or C(~/.kube/config).
      - None of these stands for one of several hosts, each of which must have a kubeconfig, O(context) or O(host) of
        its own. The service account's token is sent to no other cluster.
    type: raw
  context:
    description:
      - The context of the kubeconfig to use. The kubeconfig's own current context is used when this is not set.
      - The environment variable E(K8S_AUTH_CONTEXT) is used when this is not set.
    type: str
  host:
    description:
      - The URL of the API server, with C(https://).
      - With C(http://), credentials are sent to the controller itself only.
      - The environment variable E(K8S_AUTH_HOST) is used when this is not set.
    type: str
  api_key:
    description:
      - The bearer token to authenticate with.
      - The environment variable E(K8S_AUTH_API_KEY) is used when this is not set.
    type: str
  username:
    description:
      - The user name of HTTP basic authentication, for a server or proxy that offers it.
      - The environment variable E(K8S_AUTH_USERNAME) is used when this is not set.
    type: str
  password:
    description:
      - The password of HTTP basic authentication.
      - The environment variable E(K8S_AUTH_PASSWORD) is used when this is not set.
    type: str
  validate_certs:
    description:
      - Whether the API server's certificate is verified. The kubeconfig decides when this is not set.
      - The environment variable E(K8S_AUTH_VERIFY_SSL) is used when this is not set.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - The path of the CA certificates that the API server's certificate is verified with.
      - The environment variable E(K8S_AUTH_SSL_CA_CERT) is used when this is not set.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - The path of a client certificate to authenticate with.
      - The environment variable E(K8S_AUTH_CERT_FILE) is used when this is not set.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - The path of the client certificate's private key.
      - The environment variable E(K8S_AUTH_KEY_FILE) is used when this is not set.
    type: path
    aliases: [key_file]
  proxy:
    description:
      - The URL of the proxy through which the API server is reached, for requests and for commands in pods alike. Its
        scheme is V(http), V(https) or, with the Python package PySocks, V(socks5) or V(socks4a).
      - It may have a user and password, percent-encoded, as in C(http://USER:PASSWORD@proxy:3128); O(proxy_headers) has
        them otherwise. A SOCKS 5 proxy looks up the API server's name, as for kubectl.
      - The certificate of an V(https) proxy is verified with public CAs and the API server's.
      - The environment variable E(K8S_AUTH_PROXY) is used when this is not set.
    type: str
  no_proxy:
    description:
      - Hosts, domains, addresses and networks that are reached without the proxy, separated by commas.
      - The environment variable E(K8S_AUTH_NO_PROXY) is used when this is not set.
    type: str
  proxy_headers:
    description:
      - Headers for the proxy.
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - C(USER:PASSWORD) for the proxy's basic authentication, or for a SOCKS 5 proxy.
          - The environment variable E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH) is used when this is not set.
        type: str
      basic_auth:
        description:
          - C(USER:PASSWORD) for basic authentication behind the proxy.
          - The environment variable E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH) is used when this is not set.
        type: str
      user_agent:
        description:
          - The user agent to name to the proxy.
          - The environment variable E(K8S_AUTH_PROXY_HEADERS_USER_AGENT) is used when this is not set.
        type: str
  persist_config:
    description:
      - Whether a token that was refreshed is written back to the kubeconfig file.
      - The environment variable E(K8S_AUTH_PERSIST_CONFIG) is used when this is not set.
    type: bool
  impersonate_user:
    description:
      - The user to act as.
      - The environment variable E(K8S_AUTH_IMPERSONATE_USER) is used when this is not set.
    type: str
  impersonate_groups:
    description:
      - The groups to act as a member of.
      - The environment variable E(K8S_AUTH_IMPERSONATE_GROUPS), separated by commas, is used when this is not set.
    type: list
    elements: str
  retry_timeout:
    description:
      - For how many seconds a request is retried when the API server responds with 429, 500, 502, 503 or 504, or when
        the connection fails, breaks, or brings no response. With V(0), there is no retry.
      - Pauses between attempts grow to 3 seconds, vary at random, and are at least as long as C(Retry-After) requires.
        No attempt begins after that time. One that has begun may take as long again, and 5 seconds at least; a request
        that writes may take 60 seconds.
      - Other responses are not retried, and neither is a request that must not be repeated.
    type: float
    default: 20.0
  exec_plugin_timeout:
    description:
      - For how many seconds an exec plugin of the kubeconfig may run, such as C(aws eks get-token) or C(kubelogin). One
        that takes longer is ended, and the error shows the end of its stderr without secrets.
      - A plugin gets no input and no terminal, so it cannot ask anybody. C(interactiveMode=Always) is an error.
    type: float
    default: 60.0
requirements:
  - kubernetes >= 29.0.0 (Python package, where the module runs)
notes:
  - No discovery call is made and no cache is kept.
"""
