/** The heading of what is open in this room; it takes the focus when one comes to another place of the room. */

const ID = "write-heading";

export function Heading({ path: [type, id] }: { readonly path: readonly string[] }) {
  return (
    <h2 id={ID} class="wrap" tabIndex={-1}>
      {type === undefined ? "What to write" : id === undefined ? `New ${type}` : `${type}/${id}`}
    </h2>
  );
}

export function focusHeading(): void {
  document.getElementById(ID)?.focus();
}
