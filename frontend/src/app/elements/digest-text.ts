import { Component, computed, input } from '@angular/core';
import { shortDigest } from '../wording/digest.ts';
import { CopyButton } from './copy-button.ts';

/** A digest, shortened in the middle, with a button that copies `repository@digest`. */
@Component({
  selector: 'dtm-digest',
  imports: [CopyButton],
  template: `<code [title]="digest()">{{ short() }}</code
    ><dtm-copy-button [text]="repository() + '@' + digest()" [what]="'repository@digest, ' + short()" />`,
  host: { class: 'digest' },
})
export class DigestText {
  readonly digest = input.required<string>();
  /** `registry/repository` */
  readonly repository = input.required<string>();
  protected readonly short = computed(() => shortDigest(this.digest(), 10));
}
