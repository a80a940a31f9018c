// The code of a link stands behind the # of its address, which a browser sends nowhere. It goes into the form, and out of the address.
const field = document.getElementById("link");
const code = location.hash.slice(1);
if (field && code.startsWith("tlo_")) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
}
if (field?.value.startsWith("tlo_")) field.closest(".field").hidden = true;
