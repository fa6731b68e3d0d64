/** What the server has to say of a search itself. */
export function Hints({ texts }: { readonly texts: readonly string[] }) {
  if (!texts.length) return null;
  return (
    <ul class="notice hints" aria-label="Hints of the server">
      {texts.map((each) => (
        <li key={each}>{each}</li>
      ))}
    </ul>
  );
}
