"""DPoP (RFC 9449): proofs that whoever sends a request holds a private key, their nonces, and the proofs used before.

`proof` judges a proof without any call, `used_proofs` remembers the accepted ones. Nothing here imports cryptography
before a proof is judged: a request with a bearer token does not pay for it.
"""
