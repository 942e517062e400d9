// The bearer token: kept for this browser tab only, and handed over in the fragment of an address, which
// browsers send to nobody.
import { useEffect, useState } from "react";

const KEY = "token";

/** The token of `#token=...`, which then leaves the address bar and the history. */
function takeFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return token.trim() || null;
}

function read() {
  const given = takeFromAddress();
  if (given !== null) sessionStorage.setItem(KEY, given);
  return given ?? sessionStorage.getItem(KEY);
}

/** The token in use or null, and a function that changes it. */
export function useToken() {
  const [token, setToken] = useState(read);
  useEffect(() => {
    const reread = () => setToken(read());
    addEventListener("hashchange", reread);
    return () => removeEventListener("hashchange", reread);
  }, []);
  function change(next) {
    if (next) sessionStorage.setItem(KEY, next);
    else sessionStorage.removeItem(KEY);
    setToken(next || null);
  }
  return [token, change];
}

/** When a token ends, if it is a JWT that says so. */
export function expiry(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(claims));
    return Number.isFinite(exp) ? new Date(exp * 1000) : null;
  } catch {
    return null;
  }
}
